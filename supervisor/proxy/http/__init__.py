"""HTTP/1.1 and HTTP/2, on both sides of the proxy. No certificates, and no table of routes."""
