from cli.verbs import family

app = family()
