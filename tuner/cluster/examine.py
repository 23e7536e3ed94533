"""All that is looked at before a cluster is started, in the order in which it would fail."""

from collections.abc import Callable, Iterator

import ray

from tuner.cluster.account import Account, account_of, forbidden, meaning
from tuner.cluster.checks import images, instances, limits, local, machines, rights, stack, storage
from tuner.cluster.file import ClusterFile
from tuner.cluster.finding import Finding, note, ok, problem
from tuner.errors import InputError

HERE = (local.programs, local.file_mounts, local.token, local.versions)
IN_ACCOUNT: tuple[Callable[[ClusterFile, Account], Iterator[Finding]], ...] = (
    instances.zones,
    instances.instance_types,
    instances.resources,
    images.images,
    rights.profiles,
    rights.firewall,
    stack.stack,
    limits.quotas,
    storage.bucket,
)


def examine(cluster: ClusterFile) -> Iterator[Finding]:
    """What every check finds, as soon as it does."""
    yield ok(f"{cluster.path} is what Ray {ray.__version__} takes")
    for check in HERE:
        yield from check(cluster)
    if cluster.provider == "aws":
        yield from _in_account(cluster)
        return
    if cluster.provider == "local":
        yield from machines.machines(cluster)
    else:
        yield note(f"{cluster.at('provider', 'type')} is {cluster.provider}, of which nothing else is known here")
    yield from storage.storage(cluster)


def _in_account(cluster: ClusterFile) -> Iterator[Finding]:
    try:
        account = account_of(cluster)
        yield ok(f"AWS account {account.number()}, {account.region}")
    except InputError as error:
        yield problem(str(error))
        yield note("nothing in the account was looked at, nor the storage")
        return
    for check in IN_ACCOUNT:
        yield from _asked(check, cluster, account)
    yield from storage.storage(cluster)
    yield from _asked(limits.running, cluster, account)


def _asked(
    check: Callable[[ClusterFile, Account], Iterator[Finding]], cluster: ClusterFile, account: Account
) -> Iterator[Finding]:
    """What a check finds; if AWS does not answer it, why not."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield from check(cluster, account)
    except (BotoCoreError, ClientError) as error:
        if forbidden(error):
            operation = getattr(error, "operation_name", "this")
            yield note(
                f"{check.__name__.replace('_', ' ')}: not looked at, since these credentials may not {operation}"
            )
        else:
            yield problem(meaning(error, account.region))
    except InputError as error:
        yield problem(str(error))
