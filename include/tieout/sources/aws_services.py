"""Which FOCUS service category an AWS product code, or a service name of Cost Explorer, belongs to.

Owns the tables only. Product codes are AWS's own and stay when a service is renamed; a code or name
that is missing here is "Other", which is a fact about these tables and never about the amount.
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
    "MachineLearningSavingsPlans": AI_SERVICE_CATEGORY,
    "AmazonAthena": "Analytics",
    "AmazonES": "Analytics",
    "AmazonKinesis": "Analytics",
    "AWSGlue": "Analytics",
    "ElasticMapReduce": "Analytics",
    "AmazonEC2": "Compute",
    "AmazonECS": "Compute",
    "AmazonEKS": "Compute",
    "AWSLambda": "Compute",
    "ComputeSavingsPlans": "Compute",
    "AmazonDynamoDB": "Databases",
    "AmazonElastiCache": "Databases",
    "AmazonRDS": "Databases",
    "AmazonRedshift": "Databases",
    "DatabaseSavingsPlans": "Databases",
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

# Cost Explorer names services as its console shows them, and gives no product code.
NAME_CATEGORIES = {
    "Amazon Comprehend": AI_SERVICE_CATEGORY,
    "Amazon Q": AI_SERVICE_CATEGORY,
    "Amazon SageMaker": AI_SERVICE_CATEGORY,
    "Amazon Textract": AI_SERVICE_CATEGORY,
    "Amazon Transcribe": AI_SERVICE_CATEGORY,
    "AWS Glue": "Analytics",
    "Amazon Athena": "Analytics",
    "Amazon Elastic MapReduce": "Analytics",
    "Amazon Kinesis": "Analytics",
    "Amazon OpenSearch Service": "Analytics",
    "AWS Lambda": "Compute",
    "Amazon EC2 Container Service": "Compute",
    "Amazon Elastic Compute Cloud - Compute": "Compute",
    "Amazon Elastic Container Service": "Compute",
    "Amazon Elastic Container Service for Kubernetes": "Compute",
    "EC2 - Other": "Compute",
    "Savings Plans for AWS Compute usage": "Compute",
    "Amazon DynamoDB": "Databases",
    "Amazon ElastiCache": "Databases",
    "Amazon Redshift": "Databases",
    "Amazon Relational Database Service": "Databases",
    "Amazon EC2 Container Registry (ECR)": "Developer Tools",
    "CodeBuild": "Developer Tools",
    "Amazon Cognito": "Identity",
    "AWS Step Functions": "Integration",
    "Amazon EventBridge": "Integration",
    "Amazon Simple Notification Service": "Integration",
    "Amazon Simple Queue Service": "Integration",
    "AWS CloudTrail": "Management and Governance",
    "AWS Config": "Management and Governance",
    "AWS Cost Explorer": "Management and Governance",
    "AWS Support (Business)": "Management and Governance",
    "AWS Support (Enterprise)": "Management and Governance",
    "AmazonCloudWatch": "Management and Governance",
    "AWS Data Transfer": "Networking",
    "Amazon API Gateway": "Networking",
    "Amazon CloudFront": "Networking",
    "Amazon Elastic Load Balancing": "Networking",
    "Amazon Route 53": "Networking",
    "Amazon Virtual Private Cloud": "Networking",
    "AWS Key Management Service": "Security",
    "AWS Secrets Manager": "Security",
    "AWS WAF": "Security",
    "AWS Backup": "Storage",
    "Amazon Elastic File System": "Storage",
    "Amazon Simple Storage Service": "Storage",
}

_BEDROCK_EDITION = "(Amazon Bedrock Edition)"


def service_category(product_code: str, product_name: str) -> str:
    """FOCUS service category of a product; Bedrock models sold through Marketplace count as AI."""
    if _BEDROCK_EDITION in product_name:
        return AI_SERVICE_CATEGORY
    return SERVICE_CATEGORIES.get(product_code, "Other")


def service_category_of_name(service_name: str) -> str:
    """FOCUS service category of a service as Cost Explorer names it."""
    if _BEDROCK_EDITION in service_name or service_name.startswith("Amazon Bedrock"):
        return AI_SERVICE_CATEGORY
    return NAME_CATEGORIES.get(service_name, "Other")
