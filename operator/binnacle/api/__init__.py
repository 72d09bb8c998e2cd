"""What people write: the kinds and their shared types as models, conditions, reasons, and the CRDs made from them."""
