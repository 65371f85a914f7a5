# Afina in a container:
#   docker build -t afina .                              for the processor
#   docker build -t afina --build-arg DEVICE=cuda .      for NVIDIA GPUs; run it with --gpus all
#   docker run -p 7860:7860 -v afina:/data -e AFINA_PUBLIC_URL=http://ADDRESS:7860 afina     prints the teacher's link
FROM python:3.12-slim-bookworm
ARG DEVICE=cpu
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /afina

COPY requirements.txt constraints.txt ./
# The torch that PyPI has for Linux brings CUDA along, gigabytes of it; PyTorch's own index has one without.
RUN if [ "$DEVICE" = cpu ]; then \
        pip install --no-deps --index-url https://download.pytorch.org/whl/cpu "$(grep '^torch==' constraints.txt)"; \
    fi && pip install -r requirements.txt -c constraints.txt

COPY app.py LICENSE ./
COPY common common
COPY labeling labeling
COPY tuning tuning
COPY workbench workbench
COPY ui ui
RUN python -m compileall -q . \
    && useradd --create-home --uid 1000 afina \
    && install -d -o afina -g afina /data
USER afina

# Everything durable is below /data: votes (unless DATABASE_URL says otherwise), runs, uploads, models of the Hub.
ENV AFINA_HOME=/data AFINA_HOST=0.0.0.0 HF_HOME=/data/huggingface
VOLUME /data
EXPOSE 7860
STOPSIGNAL SIGTERM
HEALTHCHECK --start-period=60s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860/healthz', timeout=5)"]
CMD ["python", "app.py", "--no-browser"]
