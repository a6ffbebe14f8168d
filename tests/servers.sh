#!/bin/sh
# Runs a command with real servers beside it: moto as S3, Azurite as Azure, aiosmtpd as a mail relay.
#
#   tests/servers.sh cargo test --features cluster --test integration -- store:: publication:: program:: mail:: cluster::
#
# Installs them below target/servers on first use (Python 3 and npm), starts them on free ports, makes the bucket and the
# container, names them in TIEOUT_TEST_S3_ENDPOINT, TIEOUT_TEST_AZURE_ENDPOINT and the TIEOUT_TEST_SMTP_ variables, and
# stops them when the command ends. The relay takes mail after STARTTLS and a login alone; see tests/relay.py.
set -eu

cd "$(dirname "$0")/.."
home="$PWD/target/servers"
moto_version=5.2.5
azurite_version=3.37.0
aiosmtpd_version=1.4.6
cryptography_version=50.0.2
mkdir -p "$home"

if [ ! -e "$home/moto-$moto_version/installed" ]; then
    python3 -m venv "$home/moto-$moto_version"
    "$home/moto-$moto_version/bin/pip" install --quiet "moto[server]==$moto_version"
    touch "$home/moto-$moto_version/installed"
fi
if [ ! -e "$home/aiosmtpd-$aiosmtpd_version/installed" ]; then
    python3 -m venv "$home/aiosmtpd-$aiosmtpd_version"
    "$home/aiosmtpd-$aiosmtpd_version/bin/pip" install --quiet \
        "aiosmtpd==$aiosmtpd_version" "cryptography==$cryptography_version"
    touch "$home/aiosmtpd-$aiosmtpd_version/installed"
fi
if [ ! -e "$home/azurite-$azurite_version/node_modules/.bin/azurite-blob" ]; then
    npm install --silent --no-fund --no-audit --prefix "$home/azurite-$azurite_version" "azurite@$azurite_version"
fi

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

scratch=$(mktemp -d)
s3_pid='' azure_pid='' smtp_pid=''
stop() {
    [ -z "$s3_pid" ] || kill "$s3_pid" 2>/dev/null || true
    [ -z "$azure_pid" ] || kill "$azure_pid" 2>/dev/null || true
    [ -z "$smtp_pid" ] || kill "$smtp_pid" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$scratch"
}
trap stop EXIT
trap 'exit 130' INT TERM

s3_port=$(free_port)
"$home/moto-$moto_version/bin/python" tests/s3_server.py "$s3_port" >"$scratch/s3.log" 2>&1 &
s3_pid=$!
azure_port=$(free_port)
"$home/azurite-$azurite_version/node_modules/.bin/azurite-blob" --disableTelemetry --skipApiVersionCheck --silent \
    --blobHost 127.0.0.1 --blobPort "$azure_port" --location "$scratch" >"$scratch/azure.log" 2>&1 &
azure_pid=$!
"$home/aiosmtpd-$aiosmtpd_version/bin/python" tests/relay.py "$scratch/smtp" >"$scratch/smtp.log" 2>&1 &
smtp_pid=$!

# Makes the bucket and the container as soon as the servers answer.
python3 - "$s3_port" "$azure_port" <<'PYTHON'
import base64, datetime, hashlib, hmac, sys, time, urllib.error, urllib.request

s3_port, azure_port = sys.argv[1:]
ACCOUNT = "devstoreaccount1"  # The emulator's account, which is the same everywhere.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def s3_bucket():
    return urllib.request.Request(f"http://127.0.0.1:{s3_port}/bucket", method="PUT")


def azure_container():
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%a, %d %b %Y %H:%M:%S GMT")
    headers = {"x-ms-date": now, "x-ms-version": "2021-08-06"}
    named = "".join(f"{name}:{value}\n" for name, value in sorted(headers.items()))
    text = "PUT\n" + "\n" * 11 + named + f"/{ACCOUNT}/{ACCOUNT}/bucket\nrestype:container"
    signed = base64.b64encode(hmac.new(base64.b64decode(KEY), text.encode(), hashlib.sha256).digest()).decode()
    headers["Authorization"] = f"SharedKey {ACCOUNT}:{signed}"
    url = f"http://127.0.0.1:{azure_port}/{ACCOUNT}/bucket?restype=container"
    return urllib.request.Request(url, method="PUT", headers=headers)


for name, request in (("S3", s3_bucket), ("Azure", azure_container)):
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(request(), timeout=10)
            break
        except urllib.error.HTTPError as error:
            sys.exit(f"{name}: {error.code} {error.read().decode(errors='replace')}")
        except OSError as error:
            if time.monotonic() > deadline:
                sys.exit(f"{name} does not answer: {error}")
            time.sleep(0.2)
PYTHON

waited=0
until [ -e "$scratch/smtp/port" ]; do
    if [ "$waited" -ge 300 ] || ! kill -0 "$smtp_pid" 2>/dev/null; then
        echo "the mail relay does not answer:" >&2
        cat "$scratch/smtp.log" >&2
        exit 1
    fi
    waited=$((waited + 1))
    sleep 0.2
done

export TIEOUT_TEST_SMTP_HOST=localhost
TIEOUT_TEST_SMTP_PORT=$(cat "$scratch/smtp/port")
export TIEOUT_TEST_SMTP_PORT
export TIEOUT_TEST_SMTP_CA="$scratch/smtp/ca.pem"
TIEOUT_TEST_SMTP_USER=$(cat "$scratch/smtp/user")
export TIEOUT_TEST_SMTP_USER
export TIEOUT_TEST_SMTP_PASSWORD_FILE="$scratch/smtp/password"
export TIEOUT_TEST_SMTP_ACCEPTED="$scratch/smtp/accepted"
export TIEOUT_TEST_S3_ENDPOINT="http://127.0.0.1:$s3_port"
export TIEOUT_TEST_AZURE_ENDPOINT="http://127.0.0.1:$azure_port/devstoreaccount1"
"$@"
