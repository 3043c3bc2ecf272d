FROM python:3.13-slim AS build
WORKDIR /src
COPY requirements.lock ./
RUN python -m venv /opt/giclab \
    && /opt/giclab/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY . .
RUN /opt/giclab/bin/pip install --no-cache-dir --no-deps .

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/giclab --create-home giclab
COPY --from=build /opt/giclab /opt/giclab
ENV PATH=/opt/giclab/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    GICLAB_DATABASE_URL=sqlite:////var/lib/giclab/giclab.db
USER giclab
WORKDIR /var/lib/giclab
VOLUME /var/lib/giclab
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=3s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
CMD ["giclab", "serve", "--host", "0.0.0.0", "--port", "8000"]
