# An image for each service: docker build --build-arg PACKAGE=gateway --tag parley-gateway .
#
# It holds the base's Python, a virtual environment at /app and nothing that could install or compile more. What comes
# from PyPI, the tools of the build included, has the hashes of uv.lock; /app/sbom.json lists what came.

# Any Debian or Ubuntu whose python3 is 3.11 or newer. Pin it by digest where builds must repeat: BASE=debian@sha256:…
ARG BASE=docker.io/library/debian:bookworm-slim
# gateway, session, agent, notifier or operator
ARG PACKAGE

FROM ${BASE} AS python
# ca-certificates: Twilio and databases are reached by TLS. tzdata: agents speak of times.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates python3 tzdata \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/ldconfig /var/log/apt /var/log/*.log \
 && find / -xdev -type f -perm /6000 -exec chmod a-s {} + \
 && groupadd --gid 65532 parley \
 && useradd --uid 65532 --gid 65532 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin parley

FROM python AS tools
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3-venv \
 && rm -rf /var/lib/apt/lists/*
# Behind a proxy with an authority of its own: a base with that in /usr/local/share/ca-certificates.
ENV PATH=/tools/bin:$PATH \
    PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
    UV_LINK_MODE=copy \
    UV_NO_PROGRESS=1 \
    UV_PYTHON_DOWNLOADS=never \
    UV_SYSTEM_CERTS=1
WORKDIR /src
COPY pyproject.toml uv.lock ./
# pip only fetches the uv that is locked; uv has the hashes of all else.
RUN python3 -c "import tomllib; \
  [uv] = [package for package in tomllib.load(open('uv.lock', 'rb'))['package'] if package['name'] == 'uv']; \
  print('uv==' + uv['version'], *('--hash=' + wheel['hash'] for wheel in uv['wheels']))" > /tmp/uv.txt \
 && python3 -m venv /tools \
 && /tools/bin/pip install --no-cache-dir --require-hashes --only-binary :all: --requirement /tmp/uv.txt
RUN --mount=type=cache,target=/root/.cache/uv \
    uv export --quiet --frozen --only-group image --output-file /tmp/tools.txt \
 && uv pip install --python /tools/bin/python --require-hashes --only-binary :all: --requirement /tmp/tools.txt

FROM tools AS app
COPY . .
ARG PACKAGE
# What the service needs of PyPI, then the service itself: wheels, no source tree. Bytecode is compiled here, since the
# root of a running container is read-only.
RUN --mount=type=cache,target=/root/.cache/uv \
    uv export --quiet --frozen --no-dev --no-emit-workspace --package "parley-${PACKAGE}" --output-file /tmp/app.txt \
 && uv venv --no-project --python /usr/bin/python3 /app \
 && uv pip install --python /app/bin/python --require-hashes --only-binary :all: --requirement /tmp/app.txt \
 && for member in protos chassis "${PACKAGE}"; do \
      uv build --quiet --wheel --no-build-isolation --python /tools/bin/python --package "parley-${member}" --out-dir /wheels \
      || exit 1; \
    done \
 && uv pip install --python /app/bin/python --no-deps --no-index /wheels/*.whl \
 && /app/bin/python -m compileall -q --invalidation-mode unchecked-hash /app/lib \
 && cyclonedx-py environment --output-reproducible --output-file /app/sbom.json /app/bin/python \
 && cp LICENSE /app/ \
 && rm /app/.gitignore /app/.lock

FROM python AS service
COPY --from=app /app /app
# Python leaves the working directory out of what it imports from.
ENV PATH=/app/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONSAFEPATH=1 \
    PYTHONUNBUFFERED=1
WORKDIR /app
USER 65532:65532

FROM service AS parley-gateway
ENV PARLEY_GATEWAY_LISTEN=0.0.0.0:8080
EXPOSE 8080
CMD ["python", "-m", "parley_gateway"]

FROM service AS parley-session
ENV PARLEY_SESSION_LISTEN=0.0.0.0:50051
EXPOSE 50051
CMD ["python", "-m", "parley_session"]

FROM service AS parley-agent
ENV PARLEY_AGENT_LISTEN=0.0.0.0:50052
EXPOSE 50052
CMD ["python", "-m", "parley_agent"]

FROM service AS parley-notifier
ENV PARLEY_NOTIFIER_LISTEN=0.0.0.0:50053
EXPOSE 50053
CMD ["python", "-m", "parley_notifier"]

FROM service AS parley-operator
ENV PARLEY_OPERATOR_LISTEN=0.0.0.0:8082
EXPOSE 8082
CMD ["python", "-m", "parley_operator"]

# DL3006 takes the stage for an image without a tag.
# hadolint ignore=DL3006
FROM parley-${PACKAGE}
ARG PACKAGE
ARG BASE
ARG VERSION=0
ARG REVISION=
LABEL org.opencontainers.image.title="parley-${PACKAGE}" \
      org.opencontainers.image.description="Parley, agents that talk by text message: the ${PACKAGE}" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${BASE}"
USER 65532:65532
