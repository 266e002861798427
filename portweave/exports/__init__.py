"""A stack as files for other supervisors: systemd, Docker Compose, Kubernetes."""
