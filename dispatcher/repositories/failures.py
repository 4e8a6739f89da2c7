"""What a repository may be refused for, or what went wrong with it, in a sentence for people."""


class RepositoryError(Exception):
    """Nothing can be done with a repository; the message says why and what to do. ``error_class`` is the run's."""

    def __init__(self, error_class: str, message: str) -> None:
        super().__init__(message)
        self.error_class = error_class
