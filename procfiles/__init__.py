"""Read the definitions of a project's services: Procfile, YAML, JSON and .env."""

if __name__ != "portweave.procfiles":
    raise ImportError("import portweave.procfiles, not procfiles", name=__name__)
