import pytest
from PIL import Image

from fkd.photo_file import list_photos, read_photo


def test_a_photo_is_read_upright(tmp_path):
    photo = Image.new("RGB", (60, 40), "white")
    photo.putpixel((0, 0), (255, 0, 0))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held on its side
    photo.save(tmp_path / "p.png", exif=exif)
    upright = read_photo(tmp_path / "p.png")
    assert upright.size == (40, 60) and upright.getpixel((39, 0)) == (255, 0, 0)


def test_bad_photos_get_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "text.jpg").write_bytes(b"this is no picture")
    Image.new("RGB", (400, 300), "red").save(tmp_path / "whole.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:900])
    for name, message in (
        ("text.jpg", "no picture that can be read"),
        ("cut.jpg", "cut.jpg is damaged"),
        ("none.jpg", "does not exist"),
    ):
        with pytest.raises(ValueError, match=message) as error:
            read_photo(tmp_path / name)
        assert "\n" not in str(error.value)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(ValueError, match="larger than .* megapixels"):
        read_photo(tmp_path / "whole.jpg")


def test_photos_are_listed_from_folders(tmp_path):
    for name in ("b.jpg", "a.PNG", "notes.txt"):
        (tmp_path / name).touch()
    assert [p.name for p in list_photos([tmp_path])] == ["a.PNG", "b.jpg"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no photos"):
        list_photos([tmp_path / "empty"])
    with pytest.raises(ValueError, match="does not exist"):
        list_photos([tmp_path / "nowhere"])
