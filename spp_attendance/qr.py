"""QR codes, made here: what is in them never stands in an address that is logged."""

from base64 import b64encode
from io import BytesIO

from qrcode.constants import ERROR_CORRECT_M
from qrcode.image.pil import PilImage
from qrcode.main import QRCode


def png(text: str) -> bytes:
    """A PNG image of a QR code, black on white, that stands some scratches.

    :raises ValueError: when it is too long for one
    """
    code = QRCode(error_correction=ERROR_CORRECT_M, box_size=6, border=3)
    code.add_data(text)
    image = BytesIO()
    code.make_image(image_factory=PilImage).save(image)
    return image.getvalue()


def data_uri(text: str) -> str:
    """The same for the `src` of an image."""
    return f"data:image/png;base64,{b64encode(png(text)).decode()}"
