"""A real mail relay for the tests: aiosmtpd, which takes mail after STARTTLS and a login alone.

    relay.py FOLDER

Makes a private authority and a certificate for `localhost` by it, listens on a free port, and says where in FOLDER:

    port          written last: from then on the relay answers
    ca.pem        the authority
    user          who may log in
    password      with this, readable by its owner alone
    accepted/     a folder per recipient, a file per message, byte for byte as it was accepted
"""

import asyncio
import datetime
import ipaddress
import os
import pathlib
import secrets
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


def certified(name, issuer, issuer_key, key, extensions):
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder(issuer, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(days=2))
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(issuer_key, hashes.SHA256())


def named(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def certificates(folder):
    """The authority's certificate for clients, and the relay's own with its key."""
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = named("tieout tests")
    ca = certified(authority, authority, authority_key, authority_key, [(x509.BasicConstraints(True, 0), True)])
    hosts = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    relay = certified(
        named("localhost"),
        authority,
        authority_key,
        key,
        [
            (x509.BasicConstraints(False, None), True),
            (x509.SubjectAlternativeName(hosts), False),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        ],
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "ca.pem").write_bytes(ca.public_bytes(pem))
    (folder / "relay.pem").write_bytes(private + relay.public_bytes(pem))


class Accepting:
    """Keeps what is accepted."""

    def __init__(self, folder):
        self.folder = folder
        self.count = 0

    async def handle_DATA(self, server, session, envelope):
        self.count += 1
        for recipient in envelope.rcpt_tos:
            if "/" in recipient or recipient.startswith("."):
                return "553 5.1.3 no such mailbox"
            mailbox = self.folder / recipient
            mailbox.mkdir(parents=True, exist_ok=True)
            arriving = mailbox / f".{self.count}"
            arriving.write_bytes(envelope.original_content)
            arriving.rename(mailbox / f"{self.count}.eml")
        return f"250 2.0.0 queued as {self.count}"


async def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    user, password = "reports@shop.example", secrets.token_urlsafe(18)
    certificates(folder)
    (folder / "user").write_text(user)
    with os.fdopen(os.open(folder / "password", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(password)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "relay.pem")
    accepting = Accepting(folder / "accepted")
    accepting.folder.mkdir()

    def authenticate(server, session, envelope, mechanism, given):
        known = isinstance(given, LoginPassword) and (given.login, given.password) == (user.encode(), password.encode())
        return AuthResult(success=known, handled=False)

    def conversation():
        return SMTP(
            accepting,
            tls_context=context,
            require_starttls=True,
            auth_required=True,
            auth_require_tls=True,
            authenticator=authenticate,
            hostname="localhost",
        )

    server = await asyncio.get_running_loop().create_server(conversation, "127.0.0.1", 0)
    (folder / ".port").write_text(str(server.sockets[0].getsockname()[1]))
    (folder / ".port").rename(folder / "port")
    await server.serve_forever()


asyncio.run(main())
