"""Read what a project's services are: Procfile, YAML, JSON, .env."""

if __name__ != "portweave.procfiles":
    raise ImportError("import portweave.procfiles, not procfiles", name=__name__)
