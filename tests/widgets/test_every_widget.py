"""What every widget promises on a page without a kernel: mouse, finger, keys, names, themes, narrow screens."""
import numpy as np
import pytest
from examples import EXAMPLES, HORIZONTAL, VERTICAL
from pages import told

from npg_lab import widgets

KEYS = {"ArrowRight": (0.02, 0), "ArrowLeft": (-0.02, 0), "ArrowUp": (0, -0.02), "ArrowDown": (0, 0.02)}


@pytest.fixture
def shown(example):
    example.press_button("Reset")
    example.page.mouse.move(0, 0)
    return example


def label_of(handle):
    return handle.get_attribute("aria-label")


def free(handle):
    """Along which axes of the screen a handle moves."""
    return np.array([label_of(handle) not in VERTICAL, label_of(handle) not in HORIZONTAL])


def picture(shown):
    return shown.cells(), shown.paths(), shown.spoken()


def test_there_is_an_example_of_each_widget():
    assert {type(make()).__name__ for make in EXAMPLES.values()} == set(widgets.__all__)


def test_names_and_roles(shown):
    assert shown.root.get_attribute("role") == "group" and shown.root.get_attribute("aria-label")
    assert shown.root.get_by_role("status").evaluate_all("all => all.map(e => e.ariaLive)") == ["polite"]
    for panel in shown.root.locator("svg").all():
        assert panel.get_attribute("role") == "group" and panel.get_attribute("aria-label")
    labels = [label_of(handle) for handle in shown.handles()]
    assert labels and all(labels) and len(set(labels)) == len(labels)
    for handle in shown.handles():
        assert handle.get_attribute("role") == "slider" and handle.get_attribute("tabindex") == "0"
        assert any(letter.isdigit() for letter in told(handle))
        low, now, high = (float(handle.get_attribute(f"aria-value{which}")) for which in ("min", "now", "max"))
        assert low <= now <= high
    for control in shown.root.locator("input, select").all():
        assert control.get_attribute("aria-label") == control.locator("xpath=..").locator("span").inner_text()


def test_handles_follow_the_mouse(shown):
    for handle in shown.handles():
        before, (x, y) = picture(shown), shown.position(handle)
        shown.drag(handle, 17, -11)
        moved = np.subtract(shown.position(handle), (x, y))
        np.testing.assert_allclose(moved[free(handle)], np.array([17, -11])[free(handle)], atol=1)
        assert all(old != new for old, new in zip(before, picture(shown), strict=True)), label_of(handle)


def test_handles_follow_a_finger_and_the_page_stays(shown):
    shown.page.evaluate("""() => {
        window.pointers = new Set();
        addEventListener("pointermove", event => pointers.add(event.pointerType), true);
    }""")
    for handle in shown.handles():
        handle.scroll_into_view_if_needed()
        scrolled, (x, y) = shown.page.evaluate("scrollY"), shown.position(handle)
        shown.touch_drag(handle, -13, 19)
        moved = np.subtract(shown.position(handle), (x, y))
        np.testing.assert_allclose(moved[free(handle)], np.array([-13, 19])[free(handle)], atol=1)
        assert shown.page.evaluate("scrollY") == scrolled
    assert shown.page.evaluate("[...pointers]") == ["touch"]


def test_arrow_keys_move_handles_and_shift_makes_them_fine(shown):
    for handle in shown.handles():
        size = shown.plot_size(handle)
        handle.focus()
        for key, share in KEYS.items():
            places = [shown.position(handle)]
            for press in (key, f"Shift+{key}"):
                shown.page.keyboard.press(press)
                places.append(shown.position(handle))
            moved, expected = np.diff(places, axis=0), np.multiply(share, size) * [[1], [0.2]]
            if expected[0, free(handle)].any():
                np.testing.assert_allclose(
                    moved[:, free(handle)], expected[:, free(handle)], atol=0.3, err_msg=key)


def test_keys_stay_inside_the_widget(shown):
    shown.page.evaluate("""() => {
        window.heard = [];
        document.addEventListener("keydown", event => heard.push(event.key));
    }""")
    for place in shown.root.locator(".npg-handle, input:visible").all():
        place.focus()
        for key in ("ArrowRight", "ArrowUp", "Home", "PageDown"):
            shown.page.keyboard.press(key)
    shown.root.get_by_role("button", name="Reset").press("Escape")
    assert shown.page.evaluate("heard") == ["Escape"]


def test_sliders_change_the_picture(shown):
    for slider in shown.root.locator("input:visible").all():
        before, value = picture(shown), slider.input_value()
        slider.press("ArrowRight" if float(value) < float(slider.get_attribute("max")) else "ArrowLeft")
        assert slider.input_value() != value
        shown.settle()
        assert told(slider) == slider.locator("xpath=..").locator("output").inner_text()
        assert picture(shown) != before, slider.get_attribute("aria-label")


def test_presets_show_their_own_states_and_reset_goes_back(shown):
    first, seen, names = shown.cells(), [], [*shown.presets, "Reset"]
    assert shown.root.locator(".npg-controls button").all_inner_texts()[-len(names):] == names
    for name in names:
        shown.press_button(name)
        seen.append(shown.cells())
    assert seen[-1] == first
    for name, cells in zip(names, seen, strict=True):
        for slider in shown.root.locator("input:visible").all():
            slider.press("PageUp")  # a preset says what it changes; all else goes back to the start
        assert shown.cells() != cells
        shown.press_button(name)
        assert shown.cells() == cells
    assert all(one != other for k, one in enumerate(seen[:-1]) for other in seen[:k])


def luminance(colour):
    channels = np.array(colour) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def colours(shown, theme):
    """Red, green, blue of everything drawn with its own ink, and of the page."""
    return shown.root.evaluate("""(root, theme) => {
        document.documentElement.dataset.theme = theme;
        const rgb = text => text.match(/[0-9.]+/g).map(Number);
        const drawn = [...root.querySelectorAll("svg path:not(.area)")].map(e => getComputedStyle(e).stroke);
        const filled = [...root.querySelectorAll("text, .dot, .npg-knob")].map(e => getComputedStyle(e).fill);
        const written = [...root.querySelectorAll("th, td, p, button")].map(e => getComputedStyle(e).color);
        return [[...drawn, ...filled, ...written].map(rgb), rgb(getComputedStyle(document.body).backgroundColor)];
    }""", theme)


def test_dark_theme_changes_every_colour_and_all_stay_legible(shown):
    dark, night = colours(shown, "dark")
    light, day = colours(shown, "light")
    assert luminance(night) < 0.1 < 0.9 < luminance(day)
    for one, other in zip(light, dark, strict=True):
        assert one != other
        for colour, page in [(one, day), (other, night)]:
            low, high = sorted([luminance(colour[:3]), luminance(page)])
            assert (high + 0.05) / (low + 0.05) > 3, (colour, page)


def test_phone_has_no_horizontal_scroll(shown):
    shown.page.set_viewport_size({"width": 375, "height": 740})
    widths = shown.root.evaluate("""root => {
        const parts = [...root.querySelectorAll("svg, .npg-controls > *, .npg-caption, .npg-readouts")];
        return [document.documentElement.scrollWidth, ...parts.map(part => part.getBoundingClientRect().right)];
    }""")
    lefts = {round(svg.bounding_box()["x"]) for svg in shown.root.locator("svg").all()}
    shown.page.set_viewport_size({"width": 1280, "height": 900})
    assert max(widths) <= 375
    assert len(lefts) == 1
