"""Tests of what an installation holds, and of programs that use it from C, C++ and CMake."""
