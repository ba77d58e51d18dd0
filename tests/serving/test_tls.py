"""The service over TLS, with a certificate made here: REST, gRPC, and the stop that is probed from outside."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import subprocess
import sys
import time

import pytest
import tiny_server
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from basestone.serving.probe import halt, read_notice, status_of

httpx = pytest.importorskip("httpx")
grpc = pytest.importorskip("grpc")
pytest.importorskip("kserve")


def certificate(folder):
    """A self-signed certificate for this machine and its key, both PEM."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder(subject_name=name, issuer_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
    return paths


def test_rest_grpc_and_the_stop_over_tls(tmp_path):
    cert, key = certificate(tmp_path)
    folder = tmp_path / "state"
    log = (tmp_path / "log").open("w")
    words = [sys.executable, tiny_server.__file__, "serve", *map(str, (folder, cert, key))]
    process = subprocess.Popen(words, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 60
        while not (notice := read_notice(folder) or {}).get("worker_pid"):
            assert process.poll() is None and time.monotonic() < deadline, (tmp_path / "log").read_text()
            time.sleep(0.05)
        assert notice["url"].startswith("https://127.0.0.1:")
        trusting = ssl.create_default_context(cafile=str(cert))
        tensor = {"name": "image", "shape": [1, 1, 2, 2], "datatype": "UINT8", "data": [1, 2, 3, 4]}
        with httpx.Client(base_url=notice["url"], verify=trusting) as client:
            answer = client.post("/v2/models/tiny/infer", json={"inputs": [tensor]})
            assert answer.status_code == 200 and answer.json()["outputs"][0]["name"] == "label"
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(f"{notice['url']}/v2", verify=ssl.create_default_context())
        with pytest.raises(httpx.TransportError):
            httpx.get(notice["url"].replace("https", "http"))
        with grpc.secure_channel(notice["grpc"], grpc.ssl_channel_credentials(cert.read_bytes())) as channel:
            live = channel.unary_unary("/inference.GRPCInferenceService/ServerLive")
            assert live(b"", timeout=20) == b"\x08\x01"  # the message's only field, true
        with grpc.insecure_channel(notice["grpc"]) as channel, pytest.raises(grpc.RpcError):
            channel.unary_unary("/inference.GRPCInferenceService/ServerLive")(b"", timeout=5)
        assert status_of(notice) == 400  # the probe's request holds no tensor
        assert halt(folder)["how"] == "switch" and status_of(notice) == 503
    finally:
        process.terminate()
        process.wait(30)
        log.close()
