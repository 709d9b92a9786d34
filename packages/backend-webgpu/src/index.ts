// Exports of @pare/backend-webgpu.
