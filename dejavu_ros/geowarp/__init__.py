"""GeoWarp: what two views have in common is found as two quadrilaterals, and compared after warping it to one frame.

After Berton, Masone, Paolicelli and Caputo, "Viewpoint Invariant Dense Matching for Visual Geolocalization", ICCV 2021.
"""
