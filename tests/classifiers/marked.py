"""Small files that hold a mark, one of each container, by writers that share nothing with the readers."""

from __future__ import annotations

import datetime
import io
import json
import struct
import zipfile
import zlib
from typing import Any

from PIL import Image, PngImagePlugin

LABEL = {
    "Label": "1", "ContentProducer": "001191110102MACQD9K64010000", "ProduceID": "a-1", "ReservedCode1": "",
    "ContentPropagator": "", "PropagateID": "", "ReservedCode2": "",
}  # fmt: skip
TEXT = json.dumps(LABEL)
TC260 = "http://www.tc260.org.cn/ns/AIGC/1.0/"
IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


def xmp(properties: str, attributes: str = "") -> bytes:
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" xmlns:TC260="{TC260}" xmlns:Iptc4xmpExt="{IPTC}" '
        f'xmlns:xmp="http://ns.adobe.com/xap/1.0/" {attributes}>{properties}</rdf:Description>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def aigc_xmp(text: str = TEXT) -> bytes:
    return xmp(f"<TC260:AIGC>{escaped(text)}</TC260:AIGC>")


def picture(kind: str = "PNG", size: tuple[int, int] = (64, 48), **options: Any) -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(file, kind, **options)
    return file.getvalue()


def png(**texts: str) -> bytes:
    info = PngImagePlugin.PngInfo()
    for key, text in texts.items():
        info.add_itxt(key, text) if not text.isascii() else info.add_text(key, text)
    return picture("PNG", pnginfo=info)


def png_xmp(packet: bytes) -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", packet.decode())
    return picture("PNG", pnginfo=info)


def exif(tags: dict[int, str], comment: bytes = b"") -> bytes:
    made = Image.Exif()
    for tag, value in tags.items():
        made[tag] = value
    if comment:
        made.get_ifd(0x8769)[0x9286] = comment
    return made.tobytes()


def gif_xmp(packet: bytes) -> bytes:
    data = picture("GIF")
    at = 13 + (3 << (data[10] & 7) + 1)
    trailer = bytes([1, *range(255, -1, -1), 0])
    return data[:at] + b"!\xff\x0bXMP DataXMP" + packet + trailer + data[at:]


def riff(form: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(k + struct.pack("<I", len(d)) + d + b"\0" * (len(d) & 1) for k, d in chunks)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + form + body


def wav(*chunks: tuple[bytes, bytes]) -> bytes:
    head = struct.pack("<HHIIHH", 1, 1, 8000, 16000, 2, 16)
    return riff(b"WAVE", (b"fmt ", head), (b"data", bytes(1600)), *chunks)


def id3(key: str, text: str, version: int = 4) -> bytes:
    frame = b"\x03" + key.encode() + b"\0" + text.encode()
    size = synchsafe(len(frame)) if version == 4 else struct.pack(">I", len(frame))
    tag = b"TXXX" + size + b"\0\0" + frame
    return b"ID3" + bytes([version, 0, 0]) + synchsafe(len(tag)) + tag + b"\xff\xfb\x90\0" + bytes(413)


def synchsafe(number: int) -> bytes:
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))


def comments(**fields: str) -> bytes:
    entries = [f"{key}={value}".encode() for key, value in fields.items()]
    body = struct.pack("<I", 4) + b"test" + struct.pack("<I", len(entries))
    return body + b"".join(struct.pack("<I", len(entry)) + entry for entry in entries)


def flac(**fields: str) -> bytes:
    body = comments(**fields)
    return b"fLaC\0\0\0\x22" + bytes(34) + b"\x84" + struct.pack(">I", len(body))[1:] + body


def ogg(**fields: str) -> bytes:
    found = b""
    for number, packet in enumerate((b"OpusHead" + bytes(11), b"OpusTags" + comments(**fields))):
        lacing = [255] * (len(packet) // 255) + [len(packet) % 255]
        head = b"OggS\0" + bytes([2 * (number == 0)]) + bytes(8) + struct.pack("<III", 1, number, 0)
        found += head + bytes([len(lacing), *lacing]) + packet
    return found


def box(kind: bytes, *bodies: bytes) -> bytes:
    body = b"".join(bodies)
    return struct.pack(">I", 8 + len(body)) + kind + body


def mp4(key: str, text: str, brand: bytes = b"isom") -> bytes:
    """As ffmpeg writes it with ``-movflags use_metadata_tags``."""
    keys = box(b"keys", bytes(4), struct.pack(">I", 1), box(b"mdta", key.encode()))
    ilst = box(b"ilst", box(struct.pack(">I", 1), box(b"data", struct.pack(">II", 1, 0), text.encode())))
    handler = box(b"hdlr", bytes(8), b"mdta", bytes(12), b"\0")
    return box(b"ftyp", brand, bytes(4), brand) + box(
        b"moov", box(b"udta", box(b"meta", bytes(4), handler, keys, ilst))
    )


def heif_xmp(packet: bytes, brand: bytes = b"avif") -> bytes:
    entry = box(b"infe", b"\x02\0\0\0", struct.pack(">HH", 1, 0), b"mime", b"\0application/rdf+xml\0")
    infos = box(b"iinf", bytes(4), struct.pack(">H", 1), entry)

    def built(offset: int) -> bytes:
        place = box(
            b"iloc", bytes(4), b"\x44\0", struct.pack(">HHHH", 1, 1, 0, 1), struct.pack(">II", offset, len(packet))
        )
        return box(b"ftyp", brand, bytes(4), b"mif1") + box(b"meta", bytes(4), infos, place)

    return built(len(built(0)) + 8) + box(b"mdat", packet)


def element(kind: int, *bodies: bytes) -> bytes:
    body = b"".join(bodies)
    return kind.to_bytes((kind.bit_length() + 7) // 8) + (len(body) | 1 << 28).to_bytes(4) + body


def mkv(key: str, text: str) -> bytes:
    tag = element(0x7373, element(0x67C8, element(0x45A3, key.encode()), element(0x4487, text.encode())))
    return element(0x1A45DFA3, element(0x4282, b"matroska")) + element(0x18538067, element(0x1254C367, tag))


def flv(text: str) -> bytes:
    value = b"\x02" + struct.pack(">H", len(text)) + text.encode()
    body = b"\x02\0\x0aonMetaData\x08\0\0\0\x01\0\x04AIGC" + value + b"\0\0\x09"
    return b"FLV\x01\x05\0\0\0\x09" + bytes(4) + b"\x12" + struct.pack(">I", len(body))[1:] + bytes(7) + body


def pdf(text: str) -> bytes:
    literal = text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
    return f"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n2 0 obj\n<< /AIGC ({literal}) >>\nendobj\n".encode()


def docx(text: str) -> bytes:
    properties = (
        '<?xml version="1.0"?>'
        '<Properties xmlns="http://schemas.openxmlformats.org/officeDocument/2006/custom-properties" '
        'xmlns:vt="http://schemas.openxmlformats.org/officeDocument/2006/docPropsVTypes">'
        '<property fmtid="{D5CDD505}" pid="2" name="AIGC">'
        f"<vt:lpwstr>{escaped(text)}</vt:lpwstr></property></Properties>"
    )
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as package:
        package.writestr("[Content_Types].xml", "<Types/>")
        package.writestr("docProps/custom.xml", properties)
    return file.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_with(chunks: bytes) -> bytes:
    data = picture("PNG")
    return data[:33] + chunks + data[33:]


CARRIERS: dict[str, bytes] = {
    "jpeg XMP": picture("JPEG", xmp=aigc_xmp()),
    "jpeg EXIF": picture("JPEG", exif=exif({}, b"ASCII\0\0\0" + json.dumps({"AIGC": LABEL}).encode())),
    "png XMP": png_xmp(aigc_xmp()),
    "png text": png(AIGC=TEXT),
    "png packed text": png_with(chunk(b"zTXt", b"AIGC\0\0" + zlib.compress(TEXT.encode()))),
    "webp XMP": picture("WEBP", xmp=aigc_xmp()),
    "gif XMP": gif_xmp(aigc_xmp()),
    "tiff XMP": picture("TIFF", tiffinfo={700: aigc_xmp()}),
    "avif XMP": heif_xmp(aigc_xmp()),
    "heic XMP": heif_xmp(aigc_xmp(), b"heic"),
    "wav chunk": wav((b"AIGC", TEXT.encode())),
    "mp3 ID3 2.4": id3("AIGC", TEXT),
    "mp3 ID3 2.3": id3("AIGC", TEXT, 3),
    "flac": flac(AIGC=TEXT),
    "opus": ogg(AIGC=TEXT),
    "mp4": mp4("AIGC", TEXT),
    "mov": mp4("AIGC", TEXT, b"qt  "),
    "m4a": mp4("AIGC", TEXT, b"M4A "),
    "mkv": mkv("AIGC", TEXT),
    "avi": riff(b"AVI ", (b"LIST", b"INFO" + b"AIGC" + struct.pack("<I", len(TEXT)) + TEXT.encode())),
    "flv": flv(TEXT),
    "pdf": pdf(TEXT),
    "docx": docx(TEXT),
}
"""One compliant label in each place that the practice guides name."""


def certificates() -> tuple[bytes, bytes, bytes]:
    """A root, a chain below it that C2PA accepts, and the chain's key, all PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    begin = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)

    def made(name: str, key: Any, signer: Any, *, root: bool) -> Any:
        def called(common: str) -> Any:
            organisation = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example")
            return x509.Name([organisation, x509.NameAttribute(NameOID.COMMON_NAME, common)])

        usage = dict.fromkeys(
            (
                "content_commitment",
                "key_encipherment",
                "data_encipherment",
                "key_agreement",
                "encipher_only",
                "decipher_only",
            ),
            False,
        )
        builder = (
            x509.CertificateBuilder()
            .subject_name(called(name)).issuer_name(called("root")).public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin).not_valid_after(begin + datetime.timedelta(days=900))
            .add_extension(x509.BasicConstraints(ca=root, path_length=None), critical=True)
            .add_extension(
                x509.KeyUsage(digital_signature=not root, key_cert_sign=root, crl_sign=root, **usage), critical=True
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        )  # fmt: skip
        if not root:
            uses = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
            builder = builder.add_extension(uses, critical=False)
        return builder.sign(signer, hashes.SHA256())

    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root, leaf = made("root", root_key, root_key, root=True), made("leaf", key, root_key, root=False)
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return root.public_bytes(pem), leaf.public_bytes(pem) + root.public_bytes(pem), private


def signed(data: bytes, media_type: str, chain: bytes, key: bytes, source: str = "trainedAlgorithmicMedia") -> bytes:
    """*data* with a manifest that says where it comes from."""
    import c2pa

    uri = f"http://cv.iptc.org/newscodes/digitalsourcetype/{source}"
    action = {"action": "c2pa.created", "digitalSourceType": uri}
    manifest = {
        "claim_generator_info": [{"name": "test", "version": "1"}],
        "assertions": [{"label": "c2pa.actions", "data": {"actions": [action]}}],
    }
    made = io.BytesIO()
    with (
        c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"es256", chain, key, None)) as signer,
        c2pa.Builder(json.dumps(manifest)) as builder,
    ):
        builder.sign(signer, media_type, io.BytesIO(data), made)
    return made.getvalue()
