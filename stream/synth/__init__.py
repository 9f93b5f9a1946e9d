"""Synthetic traffic with exact truth: a seeded scene, drawn as a road camera would see it.

settings ── what to make                    make(settings, out_dir), draw(settings), simulate(settings), watch(settings)
road, traffic ── who is on the road         camera ── how it is projected
solids, vehicles, figures, cast ── bodies   light, lamps, scenery, render ── how it looks
truth ── boxes, visibility, crossings       clip ── all of it, into files
"""

from stream.synth.clip import draw, make, simulate, watch
from stream.synth.settings import SynthResult, SynthSettings
from stream.synth.truth import TrueFrame
from stream.truth import TrueCrossing

__all__ = ["SynthResult", "SynthSettings", "TrueCrossing", "TrueFrame", "draw", "make", "simulate", "watch"]
