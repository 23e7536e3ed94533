"""Who asks, and what AWS's refusals mean; the refusals come from a server, as AWS writes them."""

import sys
from collections.abc import Callable

import pytest

from tests.cluster.stack import REGION, Edited
from tuner.cluster.account import Account, account_of
from tuner.errors import InputError

REFUSED = (
    "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>no</Message></Error>"
    "<RequestId>1</RequestId></ErrorResponse>"
)


def test_valid_credentials_are_those_of_an_account(aws: str, edited: Edited) -> None:
    assert account_of(edited()).number() == "123456789012"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("ExpiredToken", "the AWS credentials have expired; renew them, for instance by: aws sso login"),
        ("ExpiredTokenException", "the AWS credentials have expired; renew them"),
        ("RequestExpired", "the AWS credentials have expired, or this machine's clock is wrong"),
        ("InvalidClientTokenId", "AWS does not know the access key, or us-east-1 is not enabled in its account; see:"),
        ("SignatureDoesNotMatch", "the AWS secret key does not belong to the access key"),
        ("OptInRequired", "us-east-1 is not enabled in this account"),
        ("Strange", r"AWS refuses GetCallerIdentity: An error occurred \(Strange\)"),
    ],
)
def test_refused_credentials_are_one_sentence(
    aws: str, monkeypatch: pytest.MonkeyPatch, answering: Callable[[int, str], str], code: str, said: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", answering(403, REFUSED.format(code=code)))
    with pytest.raises(InputError, match=f"^{said}"):
        Account(REGION).number()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (
            "AWS_ACCESS_KEY_ID",
            None,
            r"there are no AWS credentials here; give some by `aws configure` or `aws sso login`",
        ),
        ("AWS_SECRET_ACCESS_KEY", "", r"the AWS credentials are not whole \(Partial credentials found in env"),
        ("AWS_PROFILE", "mine", r"The config profile \(mine\) could not be found; AWS_PROFILE must name one of: "),
        ("AWS_ENDPOINT_URL", "nowhere", "the settings for AWS are wrong: Invalid endpoint: nowhere"),
        (
            "AWS_ENDPOINT_URL",
            "http://127.0.0.1:9",
            r"AWS is not reached in us-east-1 \(Could not connect to the endpoint",
        ),
        ("AWS_RETRY_MODE", "never", "the settings for AWS are wrong: "),
    ],
)
def test_missing_or_wrong_settings_are_one_sentence(
    aws: str, monkeypatch: pytest.MonkeyPatch, name: str, value: str | None, said: str
) -> None:
    if value is None:
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        monkeypatch.delenv(name)
    else:
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=f"^{said}"):
        Account(REGION).number()


def test_a_region_that_is_none_is_said_with_the_nearest(
    aws: str, monkeypatch: pytest.MonkeyPatch, edited: Edited
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    with pytest.raises(
        InputError, match=r"provider.region 'us-eest-1' is not a region of AWS; did you mean us-\w+-1\?"
    ):
        account_of(edited(("region: us-east-1", "region: us-eest-1")))
    assert account_of(edited()).region == REGION


def test_without_boto3_it_is_said_how_to_install_it(monkeypatch: pytest.MonkeyPatch, edited: Edited) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(InputError, match=r"^a cluster on AWS needs boto3; install it by: pip install 'tuner\[aws\]'$"):
        account_of(edited())
