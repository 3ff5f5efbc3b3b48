"""All building, joining, cutting and converting of ONNX graphs."""
