# syntax=docker/dockerfile:1
# Two images: `server` (server, inspect, publish, schedule; no TensorFlow) and `train` (TensorFlow with CUDA).
FROM python:3.12-slim AS base
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN useradd --create-home --uid 10001 wastelens && install --directory --owner wastelens /data
WORKDIR /app

# The residents' app: files only, so that no image carries Node.
FROM node:22-slim AS web
WORKDIR /app/web
COPY web/package.json web/package-lock.json web/.npmrc ./
RUN npm ci
COPY mobile_models/bin_symbols ../mobile_models/bin_symbols
COPY web .
COPY mobile_models/bin_symbols /app/mobile_models/bin_symbols
RUN npm run build

FROM base AS server
COPY requirements/server.txt requirements/
RUN pip install --require-hashes --requirement requirements/server.txt
COPY . .
COPY --from=web /app/web/dist web/dist
RUN pip install --no-build-isolation --no-deps --editable .
USER wastelens
EXPOSE 8000
CMD ["python", "-m", "backend.server"]

FROM base AS train
COPY requirements/gpu.txt requirements/
RUN pip install --require-hashes --requirement requirements/gpu.txt
COPY . .
RUN pip install --no-build-isolation --no-deps --editable .
USER wastelens
CMD ["celery", "--app", "workers.celery_app", "worker", "--queues", "train", "--pool", "threads", "--concurrency", "2"]
