import pytest

from tests.cluster.stack import DEEP_LEARNING, UBUNTU, Edited, keep_parameter, lines
from tuner.cluster.account import Account
from tuner.cluster.checks.images import find_image, images

SIZE = "VolumeSize: 125"


def test_images_exist_and_fit_their_disks(account: Account, edited: Edited) -> None:
    found = lines(images(edited(), account))
    assert [line.partition(": image ami-")[0] for line in found] == ["ok: head", "ok: on_demand", "ok: spot"]
    assert found[2].endswith(" of 15 GB on a disk of 125 GB")


@pytest.mark.parametrize("name", ["ami-00000000000000000", "ami-x", f"resolve:ssm:{UBUNTU}x"])
def test_an_image_that_is_not_there_is_said(account: Account, edited: Edited, name: str) -> None:
    found = lines(images(edited((f"resolve:ssm:{UBUNTU}", name)), account))
    kind = "parameter with an image" if ":" in name else "image"
    assert f"ImageId: us-east-1 has no {kind} named {name.removeprefix('resolve:ssm:')} (" in found[0]
    assert found[0].startswith("problem: ")


def test_a_parameter_that_names_no_image_is_said(account: Account) -> None:
    keep_parameter("/aws/service/strange", "ami-12345678901234567")
    image, why = find_image("resolve:ssm:/aws/service/strange", account)
    assert image is None
    assert why.startswith("us-east-1 has no parameter with an image named /aws/service/strange (The image id")


def test_an_image_that_is_larger_than_the_disk_is_said(account: Account, edited: Edited) -> None:
    found = lines(images(edited((SIZE, "VolumeSize: 14")), account))
    assert found[1].endswith("ImageId: the image needs 15 GB, but /dev/sda1 has 14; set VolumeSize: 15")
    assert found[1].startswith("problem: ")


def test_a_disk_that_is_not_the_images_root_is_said(account: Account, edited: Edited) -> None:
    found = lines(images(edited(("/dev/sda1", "/dev/xvda")), account))
    assert found[0].endswith("the image's root disk is /dev/sda1, but sizes are given for /dev/xvda; name it /dev/sda1")
    assert found[0].startswith("problem: ")


def test_a_disk_without_a_size_is_the_images(account: Account, edited: Edited) -> None:
    found = lines(images(edited((f"{SIZE}, ", "")), account))
    assert found[2] == "note: spot: the disk is as large as the image, 15 GB; PyTorch needs 8 more"


def test_no_image_at_all_is_said(account: Account, edited: Edited) -> None:
    found = lines(images(edited((f"      ImageId: resolve:ssm:{DEEP_LEARNING}\n", "")), account))
    assert "ImageId is missing: Ray would take an Ubuntu 18.04 of years ago" in found[1]
