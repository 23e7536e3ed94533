"""An account at AWS: who asks there, and what its refusals mean."""

import os
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tuner.cluster.file import ClusterFile
from tuner.document import nearest
from tuner.errors import InputError, clause, short

FORBIDDEN = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403", "Forbidden")
"""What AWS's services call it when a user may not do something."""

_UNKNOWN = "AWS does not know the access key, or {region} is not enabled in its account; see: aws configure"
_CURES = {
    "Expired": "the AWS credentials have expired; renew them, for instance by: aws sso login",
    "RequestExpired": "the AWS credentials have expired, or this machine's clock is wrong",
    "InvalidClientTokenId": _UNKNOWN,
    "UnrecognizedClient": _UNKNOWN,
    "SignatureDoesNotMatch": "the AWS secret key does not belong to the access key; give both again by: aws configure",
    "AuthFailure": "AWS does not accept the credentials in {region}; see: aws configure",
    "OptInRequired": "{region} is not enabled in this account; enable it in AWS's console, or take another region",
}
_LOGIN = "give some by `aws configure` or `aws sso login`, or in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"


@dataclass(frozen=True)
class Account:
    """Access to one region of an account, with short waits: whoever asks is waiting too."""

    region: str

    @cached_property
    def session(self) -> Any:
        """Of boto3: it reads the descriptions of services once.

        Raises:
            InputError: boto3 is missing, or AWS_PROFILE names nothing.
        """
        boto3, botocore = _libraries()
        try:
            return boto3.session.Session(region_name=self.region)
        except botocore.exceptions.BotoCoreError as error:
            raise InputError(meaning(error, self.region)) from None

    @cached_property
    def ec2(self) -> Any:
        """The client of the machines' service."""
        return self.client("ec2")

    def client(self, service: str) -> Any:
        """The client of a service.

        Raises:
            InputError: boto3 does not take the region or the settings in the environment.
        """
        _, botocore = _libraries()
        brief = botocore.config.Config(connect_timeout=5, read_timeout=20, retries={"max_attempts": 2})
        try:
            return self.session.client(service, config=brief)
        except (botocore.exceptions.BotoCoreError, ValueError) as error:
            raise InputError(meaning(error, self.region)) from None

    def number(self) -> str:
        """The account's number, proof that its credentials are valid.

        Raises:
            InputError: there are no credentials, or AWS does not take them.
        """
        _, botocore = _libraries()
        try:
            return str(self.client("sts").get_caller_identity()["Account"])
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError, ValueError) as error:
            raise InputError(meaning(error, self.region)) from None


def account_of(cluster: ClusterFile) -> Account:
    """The account that the cluster will be in.

    Raises:
        InputError: boto3 is missing, or the region is none of AWS's.
    """
    boto3, _ = _libraries()
    session = boto3.session.Session()
    known = [name for part in session.get_available_partitions() for name in session.get_available_regions("ec2", part)]
    region = cluster.region or ""
    if region not in known and not os.environ.get("AWS_ENDPOINT_URL"):
        raise InputError(
            f"{cluster.at('provider', 'region')} {region!r} is not a region of AWS; {nearest(region, known)}"
        )
    return Account(region)


def meaning(error: Exception, region: str) -> str:
    """What an error of boto3's says to the user, and its cure."""
    _, botocore = _libraries()
    known = botocore.exceptions
    if isinstance(error, known.ClientError):
        code = error.response.get("Error", {}).get("Code", "")
        cure = next((cure for start, cure in _CURES.items() if code.startswith(start)), None)
        return cure.format(region=region) if cure else f"AWS refuses {error.operation_name}: {clause(error)}"
    if isinstance(error, known.NoCredentialsError):
        return f"there are no AWS credentials here; {_LOGIN}"
    if isinstance(error, known.ProfileNotFound):
        return f"{clause(error)}; AWS_PROFILE must name one of: aws configure list-profiles"
    if isinstance(error, (known.PartialCredentialsError, known.CredentialRetrievalError, known.SSOError)):
        return f"the AWS credentials are not whole ({clause(error)}); {_LOGIN}"
    if isinstance(error, known.ParamValidationError):
        return f"AWS takes no such name: {short(' '.join(str(error).split()[3:]))}"
    if isinstance(error, (known.HTTPClientError, known.ConnectionError)):
        return f"AWS is not reached in {region} ({clause(error)}); see to the network and to AWS_ENDPOINT_URL"
    return f"the settings for AWS are wrong: {clause(error)}"


def forbidden(error: Exception) -> bool:
    """Whether an error says that the user may not look."""
    return str(getattr(error, "response", {}).get("Error", {}).get("Code", "")) in FORBIDDEN


def _libraries() -> tuple[Any, Any]:
    try:
        import boto3  # optional: only a cluster on AWS needs it
        import botocore.config
        import botocore.exceptions
    except ImportError:
        raise InputError("a cluster on AWS needs boto3; install it by: pip install 'tuner[aws]'") from None
    return boto3, botocore
