"""What compile says and targets spell: frozen values without behaviour."""
