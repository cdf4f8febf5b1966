"""The viewer alone on a page in Chromium, with made-up points, at phone and desktop size."""

import base64
import io
import re

import gradio as gr
import numpy as np
import pytest
import served
from PIL import Image, ImageColor
from playwright.sync_api import Page, expect

from browser.helpers import EXAMPLES, barriers, drag, press, state, touch
from fkd.keypoints import MEAN_FACE
from fkd.page.components import Viewer
from fkd.page.viewer import view
from fkd.photo.colours import BLUE, GREEN, PALETTE, RED
from fkd.photo.comparison import Comparison
from fkd.photo.face import Face, FaceBox

EVIL = "<img src=x onerror=alert(1)>"
# Middle of the eyes and their distance in the pair of photos, px, and how many degrees the head leans.
FACES = (((263, 190), 88, -2), ((512 + 225, 102), 44, 4))
PICTURES = READY = "#viewer svg.picture"

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def answer(name: str, seed: int, faces=FACES, spread: bool = False, colour: str = RED) -> dict:
    """A made-up model: the mean face laid on each face, its points a little astray."""
    rng, found = np.random.default_rng(seed), []
    for (x, y), apart, degrees in faces:
        scale, turn = apart / 35.8, np.exp(1j * np.radians(degrees))
        points = (np.array(MEAN_FACE) - (47.5, 37.7)) @ [1, 1j] * turn * scale
        points = np.stack([points.real + x, points.imag + y], 1) + rng.normal(0, 0.05 * apart, (15, 2))
        box = (x - 1.3 * apart, y - 1.0 * apart, x + 1.3 * apart, y + 1.7 * apart)
        uncertain = rng.uniform(0.03, 0.12, 15) * apart if spread else None
        found.append(Face(box, points, np.zeros((96, 96), np.uint8), uncertain))
    return {"name": name, "colour": colour, "faces": found}


def view_of(photos: list[str], models: list[dict], truth: list) -> dict:
    """The value of the viewer for photos side by side."""
    joined, file = Image.new("RGB", (512 * len(photos), 600), "grey"), io.BytesIO()
    for number, name in enumerate(photos):
        with Image.open(EXAMPLES / name) as photo:
            joined.paste(photo.convert("RGB"), (512 * number, 0))
    joined.save(file, "JPEG")
    url = "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
    boxes = [FaceBox(face.box, 1.2) for face in models[0]["faces"]]
    answers, colours = ({model["name"]: model[key] for model in models} for key in ("faces", "colour"))
    return view(url, Comparison(*joined.size, boxes, answers, colours, truth, dict.fromkeys(answers, "")), 0)


def first_view() -> dict:
    models = [answer("fcnn", 1), answer("resnet18", 2, spread=True, colour=GREEN), answer(EVIL, 3, colour=BLUE)]
    models[2]["faces"][0].points[10] = np.nan
    truth = [answer("", seed)["faces"][seed].points for seed in (0, 1)]
    return view_of(["grace_hopper.jpg", "eileen_collins.png"], models, truth)


def second_view() -> dict:
    models = [answer("fcnn", 4, FACES[:1]), answer("someone/resnet50-wild", 5, FACES[:1], colour=GREEN)]
    return view_of(["grace_hopper.jpg"], models, [None])


def drawn(event: gr.EventData):
    if hasattr(event, "points"):
        return {"heard": f"points {event.points} face {event.face}"}
    return {"heard": f"input {event.box} face {event.face}"}


@pytest.fixture(scope="module")
def address():
    with gr.Blocks(analytics_enabled=False) as page:
        shown = Viewer(first_view())
        heard = gr.JSON(elem_id="heard", label="Heard")
        for label, value in (("Another photo", second_view), ("No photo", lambda: None)):
            gr.Button(label).click(value, None, shown, show_progress="hidden")
        shown.input(drawn, None, heard)
    with served.launched(page) as caller:
        yield caller.url


def view_boxes(page: Page) -> set[str]:
    state(page)
    return set(page.locator(PICTURES).evaluate_all("all => all.map(one => one.getAttribute('viewBox'))"))


def screen(page: Page, x: float, y: float, panel: int = 0) -> tuple[float, float]:
    """Where a point of the photo is in the window."""
    page.locator(PICTURES).nth(panel).scroll_into_view_if_needed()
    shown, box = state(page)["view"], page.locator(PICTURES).nth(panel).bounding_box()
    across, down = (x - shown["x"]) / shown["w"], (y - shown["y"]) / shown["h"]
    return box["x"] + across * box["width"], box["y"] + down * box["height"]


def point(page: Page, index: int, model: int = 0, face: int = 0) -> tuple[float, float]:
    """Where a point is in the window, as drawn."""
    state(page)
    box = page.locator(f'.point[data-key="{model} {face} {index}"] .ink').bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def heard(page: Page, what: str) -> list[float]:
    """The numbers of the event that Python heard last, which must be of this kind."""
    expect(page.locator("#heard")).to_contain_text(what, timeout=10_000)
    return [float(number) for number in re.findall(r"-?\d+\.?\d*", page.locator("#heard").inner_text().split(what)[1])]


def test_three_ways_to_look_and_layers_that_stay(page):
    panels, viewer = page.locator("#viewer .panel"), page.locator("#viewer")
    boxes = [panel.bounding_box() for panel in panels.all()]
    across = 1 if page.size == "phone" else 3
    assert len(boxes) == 3 and [round(box["y"] - boxes[0]["y"]) for box in boxes[:across]] == [0] * across
    assert min(box["width"] for box in boxes) >= 300
    press(page, "Whole photo")
    frame = viewer.locator(".frame").first.bounding_box()
    assert frame["width"] / frame["height"] == pytest.approx(1024 / 600, rel=0.02)
    assert frame["height"] <= 0.7 * page.viewport_size["height"] + 1
    expect(panels.nth(2)).to_contain_text(EVIL)
    assert not page.locator("img[src=x]").count(), "a name became HTML"
    assert page.locator(".point").count() == 3 * 2 * 15 - 1, "the point that is not finite is not drawn"
    sizes = [button.bounding_box() for button in viewer.locator("button:not(.link):visible").all()]
    least = 44 if page.size == "phone" else 32
    assert min(min(box["width"], box["height"]) for box in sizes) >= least, "too small for a finger"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page is wider than the window"

    press(page, "Boxes")
    press(page, "One picture")
    name = f"Photo with the keypoints of fcnn, resnet18 and {EVIL}; 2 faces"
    expect(page.get_by_role("img", name=name)).to_have_count(1)
    expect(panels).to_have_count(1)
    expect(page.locator(".boxes .ink")).to_have_count(2)  # a box that all share is drawn once
    press(page, "Slider")
    expect(viewer.locator(".legend")).to_have_text("fcnnclosestresnet18true points")
    widths = "all => all.map(one => +one.getAttribute('width'))"
    before = page.locator("clipPath rect").evaluate_all(widths)
    viewer.get_by_label("Divider between").press("ArrowLeft")
    state(page)
    after = page.locator("clipPath rect").evaluate_all(widths)
    assert after[0] < before[0] and sum(after) == pytest.approx(1024, abs=0.1)

    press(page, "Points")
    expect(page.locator(".point")).to_have_count(0)
    uncertainty = viewer.get_by_role("button", name="Uncertainty", exact=True)
    uncertainty.press("Space")
    expect(uncertainty).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".true .ink")).to_have_count(30 + 1)  # one in the legend
    page.get_by_role("button", name="Another photo").click()
    expect(page.locator(PICTURES).locator("image")).to_have_attribute("width", "512")
    assert state(page)["mode"] == "slider" and not state(page)["layers"]["points"]
    chips = viewer.locator("[data-layer]:visible").all_inner_texts()
    assert chips == ["Points", "Lines", "Boxes"], "others have nothing to show"
    page.get_by_role("button", name="No photo").click()
    expect(viewer.get_by_text("Choose a photo to begin.")).to_be_visible()
    expect(page.locator(PICTURES)).to_have_count(0)


def test_zoom_is_the_same_in_all_panels(page):
    whole, nose = "-0.5 -0.5 1024 600", (263, 190)
    assert state(page)["view"]["w"] < 800, "a small face is opened close"
    press(page, "Whole photo")
    assert view_boxes(page) == {whole}
    press(page, "Zoom in")
    (zoomed,) = view_boxes(page)
    assert float(zoomed.split()[2]) == pytest.approx(1024 / 1.5)
    press(page, "Whole photo")
    page.evaluate("scrollTo(0, 60)")
    before = page.evaluate("scrollY")
    page.mouse.move(*screen(page, *nose))
    page.mouse.wheel(0, -40)
    page.wait_for_function(f"scrollY < {before} || !{before}")
    assert view_boxes(page) == {whole}, "the wheel scrolls the page"
    page.mouse.move(*screen(page, *nose))
    page.keyboard.down("Control")
    page.mouse.wheel(0, -40)
    page.keyboard.up("Control")
    page.wait_for_function("document.querySelector('#viewer .viewer').fkdViewer.state.view.w < 800")
    start = screen(page, *nose)
    drag(page, start, (start[0] + 20, start[1]))
    assert screen(page, *nose)[0] == pytest.approx(start[0] + 20, abs=1), "the photo follows the hand"
    page.locator(PICTURES).nth(1).press("ArrowRight")
    page.locator(PICTURES).nth(1).press("-")
    assert len(view_boxes(page)) == 1
    press(page, "Zoom to face")
    assert state(page)["view"]["w"] < 650
    press(page, "Whole photo")
    assert view_boxes(page) == {whole}
    if page.size == "phone":
        x, y = screen(page, 300, 300)
        touch(page, "touchStart", (x - 20, y), (x + 20, y))
        for wider in (30, 40, 50, 60):
            touch(page, "touchMove", (x - wider, y), (x + wider, y))
        touch(page, "touchEnd")
        assert state(page)["view"]["w"] == pytest.approx(1024 / 3, rel=0.05) and len(view_boxes(page)) == 1
        assert screen(page, 300, 300)[0] == pytest.approx(x, abs=3)


def test_the_numbers_of_a_point_are_shown_to_a_finger_the_mouse_and_the_keyboard(page):
    points = [np.array(model["faces"][0]["points"]) for model in first_view()["models"][:2]]
    apart = np.hypot(*(points[0][12] - points[1][12]))
    ocular = np.mean([np.hypot(*(both[0] - both[1])) for both in points])
    tip = page.locator("#viewer .tip")
    press(page, "Zoom to face")
    page.locator('.point[data-key="0 0 12"]').scroll_into_view_if_needed()  # on a phone it may be above
    (page.touchscreen.tap if page.size == "phone" else page.mouse.move)(*point(page, 12))
    x, y = points[0][12]
    expect(tip).to_contain_text("mouth right corner")
    expect(tip).to_contain_text(f"fcnn: x {x:.1f}, y {y:.1f}")
    share = f"{100 * apart / ocular:.1f}% of the eye distance"
    expect(tip).to_contain_text(f"fcnn and resnet18: {apart:.1f} px apart, {share}")
    page.locator('.point[data-key="1 0 0"]').focus()
    page.keyboard.press("ArrowRight")
    expect(tip).to_contain_text("right eye center")
    expect(tip).to_contain_text("±")


def test_a_face_is_chosen_and_boxes_are_drawn_and_corrected_in_pixels_of_the_photo(page):
    press(page, "One picture")
    press(page, "Whole photo")
    page.mouse.click(*point(page, 10, model=1, face=1))
    assert state(page)["chosen"] == 1
    expect(page.locator(".points .face.dim")).to_have_count(3)
    page.mouse.click(*screen(page, 263, 120))  # in the first face's box, on no point
    assert state(page)["chosen"] == 0

    press(page, "Draw a box")
    drag(page, screen(page, 600, 40), screen(page, 850, 300))
    box = heard(page, "input")
    assert box == pytest.approx([600, 40, 850, 300], abs=2)
    press(page, "Zoom in")
    press(page, "Draw a box")
    page.mouse.move(*screen(page, 500, 300))
    page.mouse.down()
    page.mouse.move(*screen(page, 600, 350))
    page.keyboard.press("Escape")
    page.mouse.up()
    assert heard(page, "input") == box, "Escape sends nothing"
    press(page, "Whole photo")
    press(page, "Draw a box")
    drag(page, screen(page, 100, 400), (screen(page, 0, 0)[0] - 30, screen(page, 0, 599)[1] + 20))
    expect(page.locator("#heard")).to_contain_text("599.5")
    assert heard(page, "input") == pytest.approx([-0.5, 400, 100, 599.5], abs=2)

    press(page, "Correct the box")
    x0, y0, x1, y1 = first_view()["boxes"][0]
    drag(page, screen(page, x1, y1), screen(page, x1 + 30, y1 + 20))
    expect(page.locator("#heard")).to_contain_text("face 0")
    assert heard(page, "input")[:4] == pytest.approx([x0, y0, x1 + 30, y1 + 20], abs=2)
    page.evaluate("document.activeElement.blur()")  # as when the menu that had the focus closes
    page.keyboard.press("Escape")
    expect(page.locator(".handle")).to_have_count(0)

    press(page, "Draw a box")  # by keys alone: a box in the middle, its corner moved, sent
    page.locator(PICTURES).press("Enter")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Enter")
    expect(page.locator("#heard")).to_contain_text("face None")
    x0, y0, x1, y1 = heard(page, "input")
    assert [x0, y0, y1] == pytest.approx([306.7, 179.5, 419.5], abs=0.1) and x1 > 720


def painted(page: Page, panel: int = 0) -> list[bool]:
    """Whether each of the first three models' colours is seen in a panel's picture; the photos have none of them."""
    state(page)
    picture = Image.open(io.BytesIO(page.locator("#viewer .frame").nth(panel).screenshot())).convert("RGB")
    away = [np.abs(np.asarray(picture, int) - ImageColor.getrgb(colour)).max(2) for colour in PALETTE[:3]]
    return [bool((one < 12).sum() > 8) for one in away]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_way_to_look_is_painted_and_legible_in_both_themes(page, theme):
    page.goto(f"{page.url.split('?')[0]}?__theme={theme}")
    expect(page.locator(PICTURES).first).to_be_visible(timeout=30_000)
    expect(page.locator("body.dark")).to_have_count(int(theme == "dark"))
    press(page, "Whole photo")
    page.add_style_tag(content=".inset { display: none !important }")  # which shows the answers of all
    for panel in range(3):
        assert painted(page, panel) == [panel == model for model in range(3)]
    assert not barriers(page, "#viewer")

    for name in ("One picture", "Boxes", "Zoom to face"):
        press(page, name)
    assert painted(page) == [True, True, True]
    assert not barriers(page, "#viewer")

    for name in ("Slider", "Uncertainty", "Correct the box"):
        press(page, name)
    page.locator('.point[data-key="0 0 4"]').focus()
    assert painted(page) == [True, True, False], "the slider shows two models"
    assert not barriers(page, "#viewer")


def test_points_are_placed_one_by_one_undone_and_sent_and_a_models_points_corrected(page):
    press(page, "Place the points yourself")
    expect(page.locator(PICTURES)).to_have_count(1)
    expect(page.locator(".points")).to_have_count(0)  # a model's points would bias the visitor
    guide = page.locator("#viewer .guide")
    expect(guide).to_contain_text("1 of 15: tap the left eye center")
    for x, y in ((300, 190), (320, 200), (220, 190)):
        (page.touchscreen.tap if page.size == "phone" else page.mouse.click)(*screen(page, x, y))
    expect(guide).to_contain_text("4 of 15")
    press(page, "Undo")
    press(page, "Undo")
    (page.touchscreen.tap if page.size == "phone" else page.mouse.click)(*screen(page, 225, 190))
    press(page, "Not visible")
    page.locator(PICTURES).press("Enter")  # by keys: in the middle, then moved
    page.keyboard.press("Shift+ArrowRight")
    x, y, w, h = state(page)["view"].values()
    press(page, "Done")
    expect(page.locator("#heard")).to_contain_text("points", timeout=10_000)
    placed = heard(page, "points")
    assert placed[:4] == pytest.approx([300, 190, 225, 190], abs=1.5)
    assert placed[4] > x + w / 2 and placed[5] == pytest.approx(y + h / 2, abs=1)
    page.keyboard.press("Escape")
    expect(guide).not_to_be_visible()

    press(page, "Correct the points")
    expect(page.locator(f"{PICTURES} .placed")).to_have_count(15)
    start = screen(page, *first_view()["truth"][0][0])
    drag(page, start, (start[0] + 30, start[1]))
    press(page, "Done")
    moved = heard(page, "points")
    assert moved[0] > placed[0] and moved[2:4] == pytest.approx(first_view()["truth"][0][1], abs=0.1)


def test_the_answer_is_in_words_and_a_link_to_the_place(page):
    answer = page.locator("#viewer .answer")
    expect(answer.locator("h2")).to_have_text(
        re.compile(r"\S+ is closest: [\d.]+% of the eye distance, against .* and .*")
    )
    expect(answer).to_contain_text(re.compile(r"Here they differ most at the [a-z ]+, by \d+% of the eye distance"))
    expect(page.locator("#viewer .legend .closest")).to_have_count(1)
    before = state(page)["view"]["w"]
    press(page, "See it")
    assert state(page)["view"]["w"] < before / 2
