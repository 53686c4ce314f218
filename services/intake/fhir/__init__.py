"""The FHIR R4 endpoint: what it takes is stored in Kafka before it is answered, as with HL7 v2."""
