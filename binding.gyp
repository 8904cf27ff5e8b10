{
  "targets": [
    {
      "target_name": "uvs",
      "sources": ["<!@(ls native/*.c)"],
      "include_dirs": ["<!(node -p \"require('node-api-headers').include_dir\")"],
      "defines": ["NAPI_VERSION=9"],
      "cflags_c": ["-std=gnu11", "-Wall", "-Wextra", "-Wno-unused-parameter", "-O2", "-fvisibility=hidden"],
      "cflags!": ["-fno-strict-aliasing"]
    }
  ]
}
