"""The browser of all tests, and a watch over what its pages ask for."""
import pytest
import torch
from browsers import launch_options

torch.set_num_threads(1)  # the networks are small: more threads would only wait for each other


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    return {**browser_type_launch_args, **launch_options()}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args):
    return {**browser_context_args, "viewport": {"width": 1280, "height": 900}}
