# steepest._core: the Python extension, a client of the C ABI.
find_package(Python REQUIRED COMPONENTS Interpreter Development.Module)
find_package(pybind11 3 CONFIG REQUIRED)

file(GLOB binding_sources CONFIGURE_DEPENDS csrc/bindings/*.cpp)
pybind11_add_module(_core NO_EXTRAS ${binding_sources})
target_include_directories(_core PRIVATE csrc)
target_link_libraries(_core PRIVATE steepest steepest_flags)
if(OpenMP_CXX_FOUND)
  target_link_libraries(_core PRIVATE OpenMP::OpenMP_CXX)  # only for the probes of the benchmark
endif()
if(APPLE)
  set(origin "@loader_path")
else()
  set(origin "$ORIGIN")
endif()
set_target_properties(_core PROPERTIES INSTALL_RPATH "${origin}/lib")
install(TARGETS _core LIBRARY DESTINATION .)
