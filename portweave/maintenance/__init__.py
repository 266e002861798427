"""`doctor`, `clean` and `trust`: find what is wrong on this machine, and mend it."""
