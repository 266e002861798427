"""Certificates, the local authority, and the trust of systems. No HTTP."""
