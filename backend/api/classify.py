"""`POST /v1/classify`: for phones that cannot run the model. The photo is not kept."""

import time

from fastapi import APIRouter, Request
from pydantic import BaseModel

from backend.api import uploads
from backend.api.dependencies import KnownDevice, Parts, PartsOfServer

router = APIRouter(prefix="/v1/classify", tags=["phones"])


class ClassificationAnswer(BaseModel):
    label: str
    """Label id, or `unsure`."""
    scores: dict[str, float]
    milliseconds: float
    release: int


@router.post("", openapi_extra=uploads.body())
async def classify(request: Request, device: KnownDevice, parts: PartsOfServer) -> ClassificationAnswer:
    """Classify a photo with the current release, exactly as a phone would. Needs a device's token."""
    parts.classifications.check(device)
    async with uploads.received(request) as upload:
        return await uploads.work(parts, lambda: _classify(parts, upload.photo.read()))


def _classify(parts: Parts, content: bytes) -> ClassificationAnswer:
    classifier = parts.current_model.classifier()
    started = time.perf_counter()
    prepared = parts.sandbox.prepare(content, classifier.manifest.input_spec)
    found = classifier.classify_prepared(prepared)
    return ClassificationAnswer(
        label=found.label,
        scores=found.scores,
        milliseconds=(time.perf_counter() - started) * 1000,
        release=classifier.manifest.version,
    )
