// Exports of @pare/backend-gpujs.
