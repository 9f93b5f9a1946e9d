"""Synthetic traffic with exact truth: a seeded scene, drawn as a road camera would see it.

settings ── what to make                    make(settings, out_dir), draw(settings), simulate(settings), watch(settings)
road, traffic ── who is on a straight road  arms, junction_traffic, walkers ── who is at a junction
places ── which of them, and its camera     site, junction_site, scenery ── what is there without them
solids, figures, cast ── bodies             light, lamps, render ── how it looks
truth, movements ── what is true            clip ── all of it, into files
"""

from stream.synth.clip import draw, make, simulate, watch
from stream.synth.settings import SynthResult, SynthSettings
from stream.synth.truth import TrueFrame
from stream.truth import TrueCrossing

__all__ = ["SynthResult", "SynthSettings", "TrueCrossing", "TrueFrame", "draw", "make", "simulate", "watch"]
