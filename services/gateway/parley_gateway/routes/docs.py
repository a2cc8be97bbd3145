"""/openapi.json, and /docs, which reads it: Swagger UI from this process, so that it works without another host."""

from __future__ import annotations

import asyncio

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

# Paths are relative, as the gateway may stand below a path of somebody's.
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Parley: HTTP API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/files/swagger-ui.css">
</head>
<body>
<main id="api"></main>
<script src="docs/files/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
START = 'SwaggerUIBundle({ url: "openapi.json", dom_id: "#api", deepLinking: true, validatorUrl: null });\n'
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def add_docs(app: FastAPI) -> None:
    """Serves the schema and the page that shows it; neither stands in the schema."""

    async def openapi(request: Request) -> Response:
        # Made when it is first asked for, which takes so long that no text should wait for it.
        return JSONResponse(await asyncio.to_thread(app.openapi))

    async def docs(request: Request) -> Response:
        return Response(PAGE, media_type="text/html", headers={"content-security-policy": POLICY})

    async def start(request: Request) -> Response:
        return Response(START, media_type="text/javascript")

    app.add_route("/openapi.json", openapi, include_in_schema=False)
    app.add_route("/docs", docs, include_in_schema=False)
    app.add_route("/docs/start.js", start, include_in_schema=False)
    app.mount("/docs/files", StaticFiles(packages=[("fastapi_offline", "static")]))
