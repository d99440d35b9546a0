"""A release that is deleted from the update repository breaks no phone."""

from datetime import timedelta

from mobile_models.updates.publishing import retention
from phone.client import Phone, UpdateState
from tests import pictures
from tests.phone.conftest import NOW, City, MakePhone
from tests.updates import desired


def _prune(city: City, *versions: int, current: int) -> None:
    city.publish(desired(*versions, current=current))
    city.publish(desired(*versions, current=current), moment=NOW + retention.GRACE + timedelta(days=1))
    assert len(list((city.folder / "targets" / "models").rglob("*.tflite"))) == len(versions)
    city.publish(desired(*versions, current=current))


def test_a_phone_that_runs_a_deleted_model_keeps_it_until_it_follows_its_channel(
    phone: Phone, city: City, make_phone: MakePhone
) -> None:
    _prune(city, 3, current=3)
    again = make_phone(city.web.url)
    assert (again.release, again.classify(pictures.jpeg("glass")).label) == (2, "glass")
    assert (again.update(), again.release) == (UpdateState.UPDATED, 3)


def test_a_phone_that_is_sent_back_to_the_bundled_release_needs_no_file_of_it(phone: Phone, city: City) -> None:
    _prune(city, 1, current=1)
    assert (phone.update(), phone.release) == (UpdateState.RETURNED_TO_BUNDLED, 1)
    assert phone.classify(pictures.jpeg("glass")).label == "glass"
