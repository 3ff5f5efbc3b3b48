"""The page on which people check labels and give them: `pawlab review` and `pawlab label`."""

from pawlab.errors import MissingExtraError
from pawlab.review.session import Session


def require_extra(command: str) -> None:
    """Raise MissingExtraError where the extra 'serve' isn't installed: before the work, not after it."""
    try:
        import pawlab.serve.server  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"`pawlab {command}`", "serve") from error


def serve_session(session: Session, host: str = "127.0.0.1", port: int = 8000) -> None:
    """Serve a session's page until a signal to stop.

    Raises MissingExtraError without the extra 'serve', PawlabError where the address can't be used.
    """
    require_extra(session.mode)
    from pawlab.serve import server
    from pawlab.serve.review.app import create_review_app

    server.run(lambda hosts: create_review_app(session, hosts), host, port)
