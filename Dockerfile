# elastic-core in a container: docker build --tag elastic-core .
# With torch, to fine-tune language models: docker build --build-arg EXTRA=train --tag elastic-core .

FROM rust:1-slim-bookworm AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev python3 python3-venv \
    && rm -rf /var/lib/apt/lists/* \
    && python3 -m venv /venv \
    && /venv/bin/pip install --no-cache-dir 'maturin>=1.9,<2'
WORKDIR /source
COPY . .
RUN /venv/bin/maturin build --release --locked --out /wheels

FROM python:3.13-slim-bookworm
ARG EXTRA=experiments
COPY constraints.txt /tmp/constraints.txt
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --constraint /tmp/constraints.txt "$(echo /wheels/*.whl)[${EXTRA}]" \
    && useradd --create-home user
USER user
WORKDIR /data
ENTRYPOINT ["elastic-core"]
CMD ["--help"]
