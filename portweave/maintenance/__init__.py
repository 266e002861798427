"""`doctor`, `clean` and `trust`: find problems of this machine and fix them."""
