"""The control loop: it keeps the world equal to what the compiler says, and knows the world through ports only."""
