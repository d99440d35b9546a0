"""The web application: its parts, its routes, its errors.

Guarantees: building it opens no connection and imports neither TensorFlow, LiteRT nor Celery; what it has opened is
closed when it stops.
"""

import importlib
import pkgutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import ModuleType

from anyio import CapacityLimiter
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi_offline import FastAPIOffline

import backend.api
import backend.console
from backend import database
from backend.api import problems
from backend.api.body_limit import BodyLimit
from backend.api.dependencies import Parts
from backend.api.web_app_headers import WebAppHeaders
from backend.console import problem_pages
from backend.console.service import calls
from backend.console.static_files import PREFIX, ConsoleFiles
from backend.doorbell import BackgroundDoorbell
from backend.intake import photo_store
from backend.intake.photo_sandbox import PhotoSandbox
from backend.people import identity_provider, sign_ins
from backend.people.single_sign_on import SingleSignOn
from backend.rate_limit import RateLimit, customer
from backend.releasing.current_model import CurrentModel
from backend.releasing.update_files import UpdateFiles
from backend.settings import Settings
from mobile_models.photo import PhotoLimits

MULTIPART_OVERHEAD_BYTES = 256 * 1024


def create_app(settings: Settings) -> FastAPI:
    app = FastAPIOffline(
        title="Wastelens",
        summary="Waste recognition that a city runs itself.",
        lifespan=_lifespan,
        generate_unique_id_function=_operation_id,
    )
    app.state.parts = parts_of(settings)
    app.add_middleware(
        BodyLimit,
        max_bytes=settings.max_photo_bytes + MULTIPART_OVERHEAD_BYTES,
        larger=dict.fromkeys(calls.TAKE_FOLDERS, settings.max_folder_bytes),
    )
    app.add_middleware(WebAppHeaders, updates_url=settings.web_updates_url)
    problems.install(app)
    problem_pages.install(app)
    # Routes are tried in order, and phones ask for updates far more often than for anything else.
    for module in sorted(
        _modules(backend.api) + _modules(backend.console), key=lambda name: name != "backend.api.updates"
    ):
        router = getattr(importlib.import_module(module), "router", None)
        if router is not None:
            app.include_router(router)
    app.mount(PREFIX, ConsoleFiles())
    return app


def _operation_id(route: APIRoute) -> str:
    """As people would call it: `submissions_withdraw`."""
    return f"{route.endpoint.__module__.rpartition('.')[2]}_{route.name}"


def _modules(package: ModuleType) -> list[str]:
    """Return the names of all modules below a package, those of its inner packages included."""
    return [module.name for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]


def parts_of(settings: Settings) -> Parts:
    engine = database.connect(settings.resolved_database_url)
    storage = photo_store.open_store(settings, settings.resolved_storage_url)
    updates = photo_store.open_store(settings, settings.resolved_updates_url)
    sign_ins.roles_with_second_factor(settings)  # A wrong name stops the start, not somebody's sign-in.
    provider = identity_provider.provider(settings)
    limits = PhotoLimits(max_bytes=settings.max_photo_bytes, max_pixels=settings.max_photo_pixels)
    sandbox = PhotoSandbox(limits, settings.stored_photo_edge_pixels)
    return Parts(
        settings=settings,
        engine=engine,
        doorbell=BackgroundDoorbell(settings),
        storage=storage,
        updates=updates,
        update_files=UpdateFiles(updates),
        sandbox=sandbox,
        photo_threads=CapacityLimiter(sandbox.processes),
        current_model=CurrentModel(engine, storage),
        registrations=RateLimit(settings.registrations_per_address_per_hour, 3600, key_of=customer),
        sign_ins=RateLimit(settings.sign_ins_per_address_per_minute, 60, key_of=customer),
        single_sign_on=SingleSignOn(settings, provider) if provider else None,
        classifications=RateLimit(settings.classifications_per_device_per_minute, 60),
        field_reports=RateLimit(settings.field_reports_per_device_per_hour, 3600),
    )


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    parts: Parts = app.state.parts
    parts.doorbell.close()
    parts.sandbox.close()
    parts.engine.dispose()
