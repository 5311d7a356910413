"""Which FOCUS service category an AWS product code belongs to.

Owns the table only. Product codes are AWS's own and stay when a service is renamed; a code that is
missing here is "Other", which is a fact about this table and never about the charge's amount.
"""

from tieout.focus.columns import AI_SERVICE_CATEGORY

SERVICE_CATEGORIES = {
    "AmazonBedrock": AI_SERVICE_CATEGORY,
    "AmazonBedrockAgentCore": AI_SERVICE_CATEGORY,
    "AmazonSageMaker": AI_SERVICE_CATEGORY,
    "AmazonQ": AI_SERVICE_CATEGORY,
    "AmazonComprehend": AI_SERVICE_CATEGORY,
    "AmazonTextract": AI_SERVICE_CATEGORY,
    "AmazonTranscribe": AI_SERVICE_CATEGORY,
    "AmazonAthena": "Analytics",
    "AmazonES": "Analytics",
    "AmazonKinesis": "Analytics",
    "AWSGlue": "Analytics",
    "ElasticMapReduce": "Analytics",
    "AmazonEC2": "Compute",
    "AmazonECS": "Compute",
    "AmazonEKS": "Compute",
    "AWSLambda": "Compute",
    "AmazonDynamoDB": "Databases",
    "AmazonElastiCache": "Databases",
    "AmazonRDS": "Databases",
    "AmazonRedshift": "Databases",
    "AmazonECR": "Developer Tools",
    "CodeBuild": "Developer Tools",
    "AmazonCognito": "Identity",
    "AWSEvents": "Integration",
    "AmazonSNS": "Integration",
    "AWSQueueService": "Integration",
    "AmazonStates": "Integration",
    "AmazonCloudWatch": "Management and Governance",
    "AWSCloudTrail": "Management and Governance",
    "AWSConfig": "Management and Governance",
    "AWSSupportBasic": "Management and Governance",
    "AWSSupportBusiness": "Management and Governance",
    "AWSSupportEnterprise": "Management and Governance",
    "AmazonApiGateway": "Networking",
    "AmazonCloudFront": "Networking",
    "AmazonRoute53": "Networking",
    "AmazonVPC": "Networking",
    "AWSDataTransfer": "Networking",
    "AWSELB": "Networking",
    "AWSSecretsManager": "Security",
    "awskms": "Security",
    "awswaf": "Security",
    "AmazonEFS": "Storage",
    "AmazonS3": "Storage",
    "AWSBackup": "Storage",
}


def service_category(product_code: str, product_name: str) -> str:
    """FOCUS service category of a product; Bedrock models sold through Marketplace count as AI."""
    if "(Amazon Bedrock Edition)" in product_name:
        return AI_SERVICE_CATEGORY
    return SERVICE_CATEGORIES.get(product_code, "Other")
