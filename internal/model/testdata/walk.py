# Loads the model with botocore's own loader and looks at every shape of it.
import json

import botocore.session

session = botocore.session.get_session()
model = session.get_service_model("lockstep")
assert (model.api_version, model.protocol, model.signing_name, model.metadata["targetPrefix"]) == (
    "2026-11-22", "json", "lockstep", "Lockstep_20261122"), model.metadata
sensitive, exceptions = set(), set()


def walk(shape, above=()):
    if shape.name in above:
        return
    shape.documentation, shape.metadata
    if shape.metadata.get("sensitive"):
        sensitive.add(shape.name)
    if shape.metadata.get("exception"):
        exceptions.add(shape.name)
    if shape.type_name == "structure":
        for member in shape.members.values():
            walk(member, above + (shape.name,))
    elif shape.type_name == "list":
        walk(shape.member, above + (shape.name,))


operations = {}
for name in model.operation_names:
    operation = model.operation_model(name)
    assert operation.documentation, name
    operations[name] = len(operation.input_shape.members) + len(operation.output_shape.members)
    for shape in [operation.input_shape, operation.output_shape, *operation.error_shapes]:
        walk(shape)
for name in model.shape_names:
    walk(model.shape_for(name))

client = session.create_client("lockstep", endpoint_url="http://127.0.0.1:1")
for name in exceptions:
    assert issubclass(getattr(client.exceptions, name), client.exceptions.ClientError)
paginators = [n for n in model.operation_names if client.can_paginate("".join("_" + c.lower() if c.isupper() else c for c in n).strip("_"))]
for name in paginators:
    client.get_paginator("".join("_" + c.lower() if c.isupper() else c for c in name).strip("_"))
print(json.dumps({"Operations": operations, "Paginators": sorted(paginators), "Sensitive": sorted(sensitive), "Exceptions": sorted(exceptions)}))
