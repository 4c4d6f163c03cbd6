"""What is the matter, by the name that AWS gives it."""

from botocore.exceptions import ClientError


def code_of(error: ClientError) -> str:
    """AWS's name for the error; "" where it gives none."""
    return str(error.response.get("Error", {}).get("Code", ""))


def said(error: Exception) -> str:
    """The error's name, for the log; it says so where no role could be assumed."""
    if isinstance(error, ClientError):
        name = code_of(error) or "an error"
        return f"{name} for AssumeRole" if error.operation_name == "AssumeRole" else name
    return type(error).__name__
