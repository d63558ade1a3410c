"""PoseNet (Kendall et al., ICCV 2015) on pictures and on frozen Deja-Vu features, compared across seasons."""
