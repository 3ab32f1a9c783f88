# syntax=docker/dockerfile:1
# docker build --build-arg DEVICE=cpu|cuda|rocm -t likeness .
# The builds of torch for cpu and rocm live on an index of their own; its address is on PyTorch's
# "Get started" page: --build-arg TORCH_INDEX=<address>. Without it, cpu uses the default build (larger).
ARG PYTHON=3.12

FROM python:${PYTHON}-slim-bookworm AS build
ARG DEVICE=cpu
ARG TORCH_INDEX=""
RUN case "$DEVICE" in cpu|cuda) ;; rocm) test -n "$TORCH_INDEX" || { echo "DEVICE=rocm needs TORCH_INDEX."; exit 1; } ;; \
    *) echo "DEVICE is cpu, cuda or rocm, not $DEVICE."; exit 1 ;; esac
WORKDIR /likeness
RUN python -m venv .venv && .venv/bin/pip install --no-cache-dir --upgrade pip
RUN .venv/bin/pip install --no-cache-dir ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch==2.13.0
COPY pyproject.toml constraints.txt README.md LICENSE ./
RUN .venv/bin/pip install --no-cache-dir --constraint constraints.txt .
COPY app app
COPY schema schema
COPY resolvers resolvers
COPY executor executor
COPY generators generators
COPY store store
COPY training training
RUN .venv/bin/python -m compileall -q app schema resolvers executor generators store

FROM python:${PYTHON}-slim-bookworm
LABEL org.opencontainers.image.title="Likeness" org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin likeness \
    && install -d -o likeness -g likeness -m 0700 /data
WORKDIR /likeness
COPY --from=build --chown=root:root /likeness /likeness
# Outside a container the server binds to loopback; in one it must not, and therefore asks for a key
# (ADMIN_API_KEY, or `keys create` in the container).
ENV PATH=/likeness/.venv/bin:$PATH PYTHONUNBUFFERED=1 HOST=0.0.0.0 PORT=8000 DATA_DIR=/data \
    HF_HOME=/data/hub LOG_FORMAT=json
USER likeness
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["python", "-c", \
    "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/readyz', timeout=2)"]
ENTRYPOINT ["python", "-m", "app"]
CMD ["serve"]
