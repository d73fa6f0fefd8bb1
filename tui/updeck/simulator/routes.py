"""Which call a request is."""

from __future__ import annotations

from updeck.simulator.call import UPDATE, Route, Routes
from updeck.simulator.common_calls import COMMON_ROUTES
from updeck.simulator.device import SimulatedDevice
from updeck.simulator.refusal import Refusal
from updeck.simulator.update_calls import UPDATE_ROUTES

__all__ = ["find_route"]

ROUTES: Routes = {**COMMON_ROUTES, **UPDATE_ROUTES}


def find_route(device: SimulatedDevice, method: str, path: str) -> Route | None:
    """Return the route of a call; None where there is no such path, `Refusal` 405 where the method is wrong."""
    if path.startswith(UPDATE) and not device.blueprint.speaks_2_0:
        return None
    head, slash, _ = path.rpartition("/")
    by_method = ROUTES.get(path) or ROUTES.get(f"{head}{slash}*")
    if by_method is None:
        return None
    if method not in by_method:
        raise Refusal(405, "REQUEST_INVALID_METHOD", f"{method} is not allowed here")
    return by_method[method]
