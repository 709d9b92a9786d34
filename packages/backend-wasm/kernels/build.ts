console.error("kernels: nothing yet");
