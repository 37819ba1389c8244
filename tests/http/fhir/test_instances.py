import json

from tests.kit.door import FHIR, JSON, Door


def a_patient(**changes: object) -> dict[str, object]:
    return {"resourceType": "Patient", "identifier": [{"system": "https://ehr.example/mrn", "value": "A-1"}], **changes}


async def test_a_created_resource_is_answered_with_its_location_and_version(door: Door) -> None:
    async with door.client("placer") as client:
        made = await client.post("/fhir/Patient", json=a_patient(), headers=JSON)
        print(made.status_code, made.text, made.headers)
        read = await client.get(made.headers["location"]); print(read.status_code, read.text)

    assert made.status_code == 201
    assert made.headers["etag"] == 'W/"1"'
    assert made.headers["location"].startswith(f"{FHIR}/Patient/")
    assert read.content == made.content
    assert json.loads(read.content)["meta"]["versionId"] == "1"
