"""Write a stack as files for another supervisor: systemd, Docker Compose or Kubernetes."""
